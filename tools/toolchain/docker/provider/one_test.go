package provider

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/filters"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/hashicorp/terraform-plugin-sdk/v2/terraform"

	upstream "github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// daemon answers as docker does, and records for which containers each list was.
type daemon struct {
	*httptest.Server
	containers []string
	// What happens while docker is asked for a container.
	meanwhile func()
	mutex     sync.Mutex
	lists     []string
}

func newDaemon(t *testing.T, containers ...string) *daemon {
	docker := &daemon{containers: containers}
	docker.Server = httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		response.Header().Set("Api-Version", "1.47")
		response.Header().Set("Content-Type", "application/json")
		path := request.URL.Path
		switch {
		case strings.HasSuffix(path, "/_ping"):
		case strings.HasSuffix(path, "/version"):
			_, _ = response.Write([]byte(`{"Version":"27.0.0"}`))
		case strings.HasSuffix(path, "/containers/json"):
			docker.list(t, response, request)
		case strings.HasSuffix(path, "/json"):
			if docker.meanwhile != nil {
				docker.meanwhile()
			}
			id := strings.Split(path, "/")[len(strings.Split(path, "/"))-2]
			_ = json.NewEncoder(response).Encode(map[string]any{
				"Id": id, "Name": "/" + id, "State": map[string]any{"Running": true},
				"Config": map[string]any{}, "HostConfig": map[string]any{}, "Mounts": []any{},
				"NetworkSettings": map[string]any{"Networks": map[string]any{}},
			})
		default:
			http.NotFound(response, request)
		}
	}))
	t.Cleanup(docker.Close)
	return docker
}

func (d *daemon) list(t *testing.T, response http.ResponseWriter, request *http.Request) {
	query := request.URL.Query()
	asked, err := filters.FromJSON(query.Get("filters"))
	if err != nil {
		t.Errorf("docker does not understand the filter: %v", err)
	}
	d.mutex.Lock()
	d.lists = append(d.lists, query.Get("all")+" "+strings.Join(asked.Get("id"), ","))
	d.mutex.Unlock()
	found := []map[string]any{}
	for _, id := range d.containers {
		if !asked.Contains("id") || slices.Contains(asked.Get("id"), id) {
			found = append(found, map[string]any{"Id": id})
		}
	}
	_ = json.NewEncoder(response).Encode(found)
}

// configured is the provider as the bridge gets it, with a docker of its own.
func configured(t *testing.T, host string) *schema.Provider {
	provider := one(upstream.New(Version)())
	config := terraform.NewResourceConfigRaw(map[string]any{"host": strings.Replace(host, "http:", "tcp:", 1)})
	if diagnostics := provider.Configure(context.Background(), config); diagnostics.HasError() {
		t.Fatal(diagnostics)
	}
	return provider
}

// look reads a container, and tells whether it is still there.
func look(t *testing.T, provider *schema.Provider, id string) bool {
	container := provider.ResourcesMap["docker_container"]
	data := container.TestResourceData()
	data.SetId(id)
	if diagnostics := container.ReadContext(context.Background(), data, provider.Meta()); diagnostics.HasError() {
		t.Fatal(diagnostics)
	}
	return data.Id() != ""
}

func TestAsksForTheOneContainer(t *testing.T) {
	docker := newDaemon(t, "aaa", "bbb", "ccc")
	provider := configured(t, docker.URL)
	if !look(t, provider, "bbb") {
		t.Error("a container that is there was taken for gone")
	}
	if look(t, provider, "ddd") {
		t.Error("a container that is gone was taken for there")
	}
	if want := []string{"1 bbb", "1 ddd"}; !slices.Equal(docker.lists, want) {
		t.Errorf("docker was asked for %q, not for %q", docker.lists, want)
	}
}

func TestLeavesOtherListsAlone(t *testing.T) {
	docker := newDaemon(t, "aaa", "bbb")
	provider := configured(t, docker.URL)
	client, err := provider.Meta().(*upstream.ProviderConfig).MakeClient(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.HTTPClient().Get(docker.URL + "/v1.47/containers/json?all=1")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if want := []string{"1 "}; !slices.Equal(docker.lists, want) {
		t.Errorf("docker was asked for %q, not for %q", docker.lists, want)
	}
}

func TestLeavesItToCallsToSayThatDockerIsGone(t *testing.T) {
	docker := newDaemon(t)
	docker.Close()
	provider := configured(t, docker.URL)
	container := provider.ResourcesMap["docker_container"]
	data := container.TestResourceData()
	data.SetId("aaa")
	diagnostics := container.ReadContext(context.Background(), data, provider.Meta())
	if !diagnostics.HasError() || !strings.Contains(diagnostics[0].Summary, "Error pinging Docker server") {
		t.Errorf("said of a docker that is gone: %v", diagnostics)
	}
}
