package provider

import (
	"context"
	"log"
	"os"

	"github.com/hashicorp/logutils"
	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// Who sets TF_LOG gets what a provider writes for its own developers.
var loud = os.Getenv("TF_LOG") != ""

// quiet keeps what a provider writes for its own developers from the engine. The bridge makes a call to the engine of each line,
// a dozen for a container that is only looked at, one of them with all that docker says of it, and the engine shows none of them.
func quiet(provider *schema.Provider) *schema.Provider {
	for _, resource := range provider.ResourcesMap {
		if read := resource.ReadContext; read != nil {
			resource.ReadContext = func(ctx context.Context, data *schema.ResourceData, meta any) diag.Diagnostics {
				warnings()
				return read(ctx, data, meta)
			}
		}
	}
	return provider
}

// warnings has the log take warnings and errors only. There is one log, which the bridge directs anew with each call: a call that
// has waited has to say so again.
func warnings() {
	writer := log.Writer()
	if _, done := writer.(*logutils.LevelFilter); done || loud {
		return
	}
	log.SetOutput(&logutils.LevelFilter{
		Levels:   []logutils.LogLevel{"TRACE", "DEBUG", "INFO", "WARN", "ERROR"},
		MinLevel: "WARN",
		Writer:   writer,
	})
}
