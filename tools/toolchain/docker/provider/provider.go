// Package provider maps the Terraform provider of docker to Pulumi.
package provider

import (
	"unicode"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	bridgetokens "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"

	upstream "github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// What the plugin is.
const (
	Name    = "docker"
	Version = "5.2.0"

	module = "index"

	// The longest automatic name, and what separates its random end, as published.
	autonameLength    = 255
	autonameSeparator = "-"
)

// member is the token of a resource or function that has a file of its own in the SDKs,
// e.g. docker:index/container:Container.
func member(name string) string {
	file := string(unicode.ToLower(rune(name[0]))) + name[1:]
	return "docker:" + module + "/" + file + ":" + name
}

func resource(name string) tokens.Type         { return tokens.Type(member(name)) }
func function(name string) tokens.ModuleMember { return tokens.ModuleMember(member(name)) }

// New maps the Terraform provider to the tokens and property names that
// version 5.2.0 of the published SDKs has.
func New() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:            shimv2.NewProvider(patient(quiet(one(upstream.New(Version)())))),
		Name:         Name,
		Version:      Version,
		Description:  "Docker resources, bridged from the Terraform provider",
		License:      "Apache-2.0",
		GitHubOrg:    "kreuzwerker",
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
		Config: map[string]*tfbridge.SchemaInfo{
			"host": {Default: &tfbridge.DefaultInfo{
				EnvVars: []string{"DOCKER_HOST"},
				Value:   "unix:///var/run/docker.sock",
			}},
			"registry_auth": {Name: "registryAuth", MaxItemsOne: tfbridge.False()},
		},
		// What the rule below would name differently.
		Resources: map[string]*tfbridge.ResourceInfo{
			"docker_config": {Tok: resource("ServiceConfig")},
			"docker_container": {
				Tok: resource("Container"),
				// Two containers can't have one name or one published port.
				DeleteBeforeReplace: true,
				Fields: map[string]*tfbridge.SchemaInfo{
					"command":           {Name: "command"},
					"networks_advanced": {Name: "networksAdvanced"},
				},
			},
			"docker_image": {
				Tok: resource("RemoteImage"),
				// A reference to an image that exists elsewhere: never an automatic name.
				Fields: map[string]*tfbridge.SchemaInfo{"name": {Name: "name"}},
			},
		},
		DataSources: map[string]*tfbridge.DataSourceInfo{
			"docker_image": {Tok: function("getRemoteImage")},
		},
		JavaScript: &tfbridge.JavaScriptInfo{RespectSchemaVersion: true},
	}
	info.MustComputeTokens(bridgetokens.SingleModule("docker_", module, bridgetokens.MakeStandard(Name)))
	info.SetAutonaming(autonameLength, autonameSeparator)
	nameFields(&info)
	return info
}
