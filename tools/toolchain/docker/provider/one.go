package provider

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"

	upstream "github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// How long a docker that may not be there is waited for before it is asked anything.
const reachable = 5 * time.Second

// The key under which a context has the container that a call is about.
type subject struct{}

// one has docker tell of the one container that a call is about. The provider lists all of them to find it, also at the end of
// each creation: with hundreds, that was most of what docker and the plugin did.
func one(provider *schema.Provider) *schema.Provider {
	configure := provider.ConfigureContextFunc
	provider.ConfigureContextFunc = func(ctx context.Context, data *schema.ResourceData) (any, diag.Diagnostics) {
		meta, diagnostics := configure(ctx, data)
		if config, ok := meta.(*upstream.ProviderConfig); ok {
			narrowed(ctx, config)
		}
		return meta, diagnostics
	}
	container := provider.ResourcesMap["docker_container"]
	container.ReadContext = about(container.ReadContext)
	container.CreateContext = about(container.CreateContext)
	container.UpdateContext = about(container.UpdateContext)
	return provider
}

func about[F ~func(context.Context, *schema.ResourceData, any) diag.Diagnostics](call F) F {
	return func(ctx context.Context, data *schema.ResourceData, meta any) diag.Diagnostics {
		return call(context.WithValue(ctx, subject{}, data), data, meta)
	}
}

// narrowed prepares the client that the provider keeps for all calls. A docker that can't be reached has none yet; what is
// wrong with it is for the calls to say, and one that comes later is asked as the provider does.
func narrowed(ctx context.Context, config *upstream.ProviderConfig) {
	ctx, cancel := context.WithTimeout(ctx, reachable)
	defer cancel()
	docker, err := config.MakeClient(ctx, nil)
	if err != nil {
		return
	}
	underneath := docker.HTTPClient()
	underneath.Transport = narrowing{underneath.Transport}
	// It only replaces the client's HTTP client, and fails for none.
	_ = client.WithHTTPClient(underneath)(docker)
	engine.Store(docker)
}

// narrowing adds to a request for all containers which one is meant, where a call is about one.
type narrowing struct{ http.RoundTripper }

func (n narrowing) RoundTrip(request *http.Request) (*http.Response, error) {
	data, ok := request.Context().Value(subject{}).(*schema.ResourceData)
	if ok && data.Id() != "" && strings.HasSuffix(request.URL.Path, "/containers/json") {
		request = request.Clone(request.Context())
		request.URL.RawQuery = withID(request.URL.Query(), data.Id())
	}
	response, err := n.RoundTripper.RoundTrip(request)
	if ok {
		// Meanwhile other calls have begun.
		warnings()
	}
	return response, err
}

func withID(query url.Values, id string) string {
	// Cannot fail: it encodes strings.
	filter, _ := filters.ToJSON(filters.NewArgs(filters.Arg("id", id)))
	query.Set("filters", filter)
	return query.Encode()
}
