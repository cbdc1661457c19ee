// Package provider maps the Terraform provider of libvirt to Pulumi.
package provider

import (
	"github.com/dmacvicar/terraform-provider-libvirt/libvirt"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
)

// What the plugin is.
const (
	Name    = "libvirt"
	Version = "0.5.4"
)

// New maps every resource and data source to the token that the published plugin has.
func New() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:            shimv2.NewProvider(libvirt.Provider()),
		Name:         Name,
		Version:      Version,
		Description:  "libvirt resources, bridged from the Terraform provider",
		License:      "Apache-2.0",
		Repository:   "https://github.com/pulumi/pulumi-libvirt",
		GitHubOrg:    "dmacvicar",
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
		JavaScript:   &tfbridge.JavaScriptInfo{RespectSchemaVersion: true},
	}
	info.MustComputeTokens(tokens.SingleModule("libvirt_", "index", tokens.MakeStandard(Name)))
	return info
}
