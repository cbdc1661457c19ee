// schema writes the schema of the docker plugin to standard output.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"

	"github.com/terraform-providers/terraform-provider-docker/pulumi-resource-docker/provider"
)

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write() error {
	info := provider.New()
	// A folder that doesn't exist: no documentation is read. Users read the published SDKs'.
	info.UpstreamRepoPath = "no-documentation"
	spec, err := tfgen.GenerateSchema(info, nil)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", " ")
	return out.Encode(spec)
}
