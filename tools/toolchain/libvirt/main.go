// pulumi-resource-libvirt is the libvirt plugin, under the version of the last published
// one, built from the Terraform provider that one is bridged from.
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"

	"overcloud/tools/toolchain/libvirt/provider"
)

// Written by ./cmd/gen, so that no start of the plugin has to generate it.
//
//go:embed schema.json
var schema []byte

func main() {
	tfbridge.Main(provider.Name, provider.Version, provider.New(), schema)
}
