package provider

import (
	"context"
	"log"
	"os"

	"github.com/hashicorp/logutils"
	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// quiet keeps what a provider writes for its own developers from the engine. The bridge makes a call to the engine of each line,
// a dozen for a container that is only looked at, and the engine shows none of them. Who sets TF_LOG gets all.
func quiet(provider *schema.Provider) *schema.Provider {
	if os.Getenv("TF_LOG") != "" {
		return provider
	}
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

// warnings has the log, which the bridge directs anew with each call, take warnings and errors only.
func warnings() {
	writer := log.Writer()
	if _, done := writer.(*logutils.LevelFilter); done {
		return
	}
	log.SetOutput(&logutils.LevelFilter{
		Levels:   []logutils.LogLevel{"TRACE", "DEBUG", "INFO", "WARN", "ERROR"},
		MinLevel: "WARN",
		Writer:   writer,
	})
}
