// pulumi-resource-docker is version 5.2.0 of the docker plugin, built from the Terraform
// provider that the published plugin is bridged from, for machines that can't download it.
// It has every resource but docker:index/image:Image, which is no part of that provider.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/cmdutil"
	plugin "github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/terraform-providers/terraform-provider-docker/pulumi-resource-docker/provider"
)

// Written by ./cmd/schema, so that no start of the plugin has to generate it.
//
//go:embed schema.json
var schema []byte

// How much garbage may be there, in percent of what is in use, before it is collected: with many containers, collecting was an
// eighth of the plugin's time, and what is in use is little.
const garbagePercent = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	ctx := context.Background()
	info := provider.New()
	info.P.InitLogging(ctx)
	err := plugin.Main(provider.Name, func(host *plugin.HostClient) (pulumirpc.ResourceProviderServer, error) {
		bridged := tfbridge.NewProvider(ctx, host, provider.Name, provider.Version, info.P, info, schema)
		file, author := notes()
		return provider.Remembering(bridged, file, author), nil
	})
	if err != nil {
		cmdutil.ExitError(err.Error())
	}
}

// notes is a file beside the plugin, which is removed with it, and what tells this build of the plugin from others.
func notes() (file, author string) {
	path, err := os.Executable()
	if err != nil {
		return "", ""
	}
	built, err := os.Stat(path)
	if err != nil {
		return "", ""
	}
	return filepath.Join(filepath.Dir(path), "answers"), fmt.Sprint(built.ModTime().UnixNano(), built.Size())
}
