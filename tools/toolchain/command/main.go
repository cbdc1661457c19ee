// pulumi-resource-command is a stand-in for the published plugin of that name, for
// machines that can't download it. It knows the local half of the package:
// command:local:Command and command:local:run.
package main

import (
	"context"
	"fmt"
	"os"

	p "github.com/pulumi/pulumi-go-provider"

	"overcloud/tools/toolchain/command/local"
)

// The version of the published plugin whose schema this one has.
const (
	name    = "command"
	version = "1.2.1"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == local.GuardArg {
		local.Guard(os.Stdin)
		return
	}
	if err := p.RunProvider(context.Background(), name, version, newProvider()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
