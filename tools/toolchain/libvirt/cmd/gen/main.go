// gen writes what is generated from the libvirt provider: the plugin's schema, and the
// package @pulumi/libvirt, which is on no registry that can be relied on.
//
//	go run ./cmd/gen SCHEMA_FILE SDK_FOLDER
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"
	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"

	"overcloud/tools/toolchain/libvirt/provider"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gen SCHEMA_FILE SDK_FOLDER")
		os.Exit(2)
	}
	if err := generate(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func generate(schemaFile, sdk string) error {
	info := provider.New()
	// A folder that doesn't exist: the provider's documentation is in its own repository.
	info.UpstreamRepoPath = "no-documentation"
	spec, err := tfgen.GenerateSchema(info, nil)
	if err != nil {
		return err
	}
	if err := writeJSON(schemaFile, spec); err != nil {
		return err
	}
	languages := map[string]schema.Language{"nodejs": nodejs.Importer}
	pkg, err := schema.ImportSpec(spec, languages, schema.NewNullLoader(), schema.ValidationOptions{})
	if err != nil {
		return err
	}
	files, err := nodejs.GeneratePackage("gen", pkg, nil, nil, false, nil)
	if err != nil {
		return err
	}
	if err := clean(sdk); err != nil {
		return err
	}
	for name, content := range files {
		if !strings.HasSuffix(name, ".ts") {
			continue // we write our own
		}
		file := filepath.Join(sdk, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return err
		}
	}
	if err := writeJSON(filepath.Join(sdk, "tsconfig.json"), tsconfig); err != nil {
		return err
	}
	return writeJSON(filepath.Join(sdk, "package.json"), manifest)
}

// manifest is the package.json of the SDK. Nothing is downloaded at its installation.
var manifest = struct {
	Name         string            `json:"name"`
	Version      string            `json:"version"`
	Description  string            `json:"description"`
	License      string            `json:"license"`
	Main         string            `json:"main"`
	Types        string            `json:"types"`
	Scripts      map[string]string `json:"scripts"`
	Dependencies map[string]string `json:"dependencies"`
	// What tells Pulumi which plugin the package needs.
	Pulumi map[string]any `json:"pulumi"`
}{
	Name:         "@pulumi/" + provider.Name,
	Version:      provider.Version,
	Description:  "Generated from the schema of the libvirt plugin",
	License:      "Apache-2.0",
	Main:         "bin/index.js",
	Types:        "bin/index.d.ts",
	Scripts:      map[string]string{"build": "tsc"},
	Dependencies: map[string]string{"@pulumi/pulumi": "^3.142.0"},
	Pulumi:       map[string]any{"resource": true, "name": provider.Name, "version": provider.Version},
}

// tsconfig compiles the SDK to CommonJS, which both kinds of module can import.
var tsconfig = map[string]any{
	"compilerOptions": map[string]any{
		"declaration":       true,
		"module":            "node16",
		"outDir":            "bin",
		"resolveJsonModule": true,
		"rootDir":           ".",
		"skipLibCheck":      true,
		"strict":            true,
		"target":            "es2022",
		"types":             []string{"node"},
	},
	// The compiled code reads its version from package.json beside it.
	"include": []string{"**/*.ts", "package.json"},
	"exclude": []string{"bin", "node_modules"},
}

// clean takes away the sources of the SDK generated before.
func clean(sdk string) error {
	return filepath.WalkDir(sdk, func(path string, entry os.DirEntry, err error) error {
		switch {
		case os.IsNotExist(err):
			return nil
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "bin" || entry.Name() == "node_modules"):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".ts"):
			return os.Remove(path)
		}
		return nil
	})
}

func writeJSON(file string, value any) error {
	content, err := marshal(value)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}

func marshal(value any) ([]byte, error) {
	var buffer bytes.Buffer
	out := json.NewEncoder(&buffer)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	err := out.Encode(value)
	return buffer.Bytes(), err
}
