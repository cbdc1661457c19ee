package local

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gobwas/glob"
	"github.com/pulumi/pulumi-go-provider/infer/types"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// collect fills in the outputs that are made of files.
func collect(dir string, in ProcessInputs, out *ProcessOutputs) error {
	if in.AssetPaths != nil {
		found, err := find(dir, *in.AssetPaths)
		if err != nil {
			return err
		}
		assets := make(map[string]*types.AssetOrArchive, len(found))
		for path, asset := range found {
			assets[path] = &types.AssetOrArchive{Asset: asset}
		}
		out.Assets = &assets
	}
	if in.ArchivePaths != nil {
		found, err := find(dir, *in.ArchivePaths)
		if err != nil {
			return err
		}
		content := make(map[string]any, len(found))
		for path, asset := range found {
			content[path] = asset
		}
		if out.Archive, err = resource.NewAssetArchive(content); err != nil {
			return err
		}
	}
	return nil
}

// rule is one glob: `*` stops at a slash, `**` does not, and a leading `!` takes away what
// the rules before it have added.
type rule struct {
	glob.Glob
	exclude bool
}

// find returns the files under dir that the globs select, by their relative paths.
func find(dir string, globs []string) (map[string]*resource.Asset, error) {
	rules := make([]rule, len(globs))
	for i, g := range globs {
		pattern, exclude := strings.CutPrefix(g, "!")
		compiled, err := glob.Compile(pattern, '/')
		if err != nil {
			return nil, err
		}
		rules[i] = rule{compiled, exclude}
	}
	found := map[string]*resource.Asset{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		selected := false
		for _, r := range rules {
			if r.Match(path) {
				selected = !r.exclude
			}
		}
		if !selected {
			return nil
		}
		found[path], err = resource.NewPathAsset(filepath.Join(dir, path))
		return err
	})
	return found, err
}
