package provider

import (
	"context"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// What docker says of a container that it has killed and that has not ended ten seconds later.
const notEndedYet = "did not receive an exit event"

// How often a removal is tried in all, and how long is waited in between.
const attempts = 10

var pause = 5 * time.Second

// patient removes a container again that took the kernel longer to end than docker waits: the networks of hundreds that end together
// are taken down one after the other. The provider gives up, and Pulumi the whole removal with it.
func patient(provider *schema.Provider) *schema.Provider {
	container := provider.ResourcesMap["docker_container"]
	container.DeleteContext = again(container.DeleteContext)
	return provider
}

func again(remove schema.DeleteContextFunc) schema.DeleteContextFunc {
	return func(ctx context.Context, data *schema.ResourceData, meta any) diag.Diagnostics {
		for attempt := 1; ; attempt++ {
			diagnostics := remove(ctx, data, meta)
			if attempt == attempts || !saysOf(diagnostics, notEndedYet) {
				return diagnostics
			}
			select {
			case <-ctx.Done():
				return diagnostics
			case <-time.After(pause):
			}
		}
	}
}

func saysOf(diagnostics diag.Diagnostics, what string) bool {
	for _, each := range diagnostics {
		if each.Severity == diag.Error && strings.Contains(each.Summary+each.Detail, what) {
			return true
		}
	}
	return false
}
