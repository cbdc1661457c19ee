// pulumi-resource-docker is version 5.2.0 of the docker plugin, built from the Terraform
// provider that the published plugin is bridged from, for machines that can't download it.
// It has every resource but docker:index/image:Image, which is no part of that provider.
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"

	"github.com/terraform-providers/terraform-provider-docker/pulumi-resource-docker/provider"
)

// Written by ./cmd/schema, so that no start of the plugin has to generate it.
//
//go:embed schema.json
var schema []byte

func main() {
	tfbridge.Main(provider.Name, provider.Version, provider.New(), schema)
}
