package provider

import (
	"context"
	"errors"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

// comparer counts the comparisons that it makes, and finds that what is wanted has changed.
type comparer struct {
	pulumirpc.UnimplementedResourceProviderServer
	asked int
	fails error
}

func (c *comparer) Diff(_ context.Context, request *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	c.asked++
	return &pulumirpc.DiffResponse{Diffs: []string{request.GetNews().GetFields()["image"].GetStringValue()}}, c.fails
}

func question(t *testing.T, urn string, image string) *pulumirpc.DiffRequest {
	news, err := structpb.NewStruct(map[string]any{"image": image, "name": "lab", "hostname": "lab", "restart": "no"})
	if err != nil {
		t.Fatal(err)
	}
	return &pulumirpc.DiffRequest{Urn: urn, News: news}
}

func TestComparesOnceWhatIsTheSame(t *testing.T) {
	compares := &comparer{}
	server := Remembering(compares)
	for _, step := range []struct {
		urn, image string
		asked      int
	}{
		{"one", "a", 1},
		{"one", "a", 1},
		{"another", "a", 2},
		{"one", "b", 3},
		{"one", "b", 3},
		{"one", "a", 4},
	} {
		answer, err := server.Diff(context.Background(), question(t, step.urn, step.image))
		if err != nil {
			t.Fatal(err)
		}
		if answer.GetDiffs()[0] != step.image || compares.asked != step.asked {
			t.Errorf("%v: answered %q after %d comparisons", step, answer.GetDiffs(), compares.asked)
		}
	}
}

func TestComparesAgainWhatFailed(t *testing.T) {
	compares := &comparer{fails: errors.New("no docker")}
	server := Remembering(compares)
	for range 2 {
		if _, err := server.Diff(context.Background(), question(t, "one", "a")); err != compares.fails {
			t.Errorf("a comparison that failed ended with %v", err)
		}
	}
	if compares.asked != 2 {
		t.Errorf("%d comparisons of 2", compares.asked)
	}
}
