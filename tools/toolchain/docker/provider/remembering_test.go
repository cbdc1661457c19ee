package provider

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// comparer counts the comparisons that it makes; what it finds shows in its answers.
type comparer struct {
	pulumirpc.UnimplementedResourceProviderServer
	asked int
	fails error
	finds pulumirpc.DiffResponse_DiffChanges
}

func (c *comparer) Diff(_ context.Context, request *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	c.asked++
	diffs := []string{request.GetNews().GetFields()["image"].GetStringValue()}
	return &pulumirpc.DiffResponse{Changes: c.finds, Diffs: diffs}, c.fails
}

func ask(t *testing.T, urn string, image string) *pulumirpc.DiffRequest {
	news, err := structpb.NewStruct(map[string]any{"image": image, "name": "lab", "hostname": "lab", "restart": "no"})
	if err != nil {
		t.Fatal(err)
	}
	return &pulumirpc.DiffRequest{Urn: urn, News: news}
}

func TestComparesOnceWhatIsTheSame(t *testing.T) {
	compares := &comparer{}
	server := Remembering(compares, "", "")
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
		answer, err := server.Diff(context.Background(), ask(t, step.urn, step.image))
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
	server := Remembering(compares, "", "")
	for range 2 {
		if _, err := server.Diff(context.Background(), ask(t, "one", "a")); err != compares.fails {
			t.Errorf("a comparison that failed ended with %v", err)
		}
	}
	if compares.asked != 2 {
		t.Errorf("%d comparisons of 2", compares.asked)
	}
}

const none = pulumirpc.DiffResponse_DIFF_NONE

func TestKeepsForTheNextUpdateWhatFoundNoDifference(t *testing.T) {
	for _, subject := range []struct {
		name    string
		finds   pulumirpc.DiffResponse_DiffChanges
		second  string // Author of the second update's plugin; the first's is "this".
		between func(file string) error
		asked   int
	}{
		{"the same", none, "this", nothing, 1},
		{"a difference", pulumirpc.DiffResponse_DIFF_SOME, "this", nothing, 2},
		{"a difference that is not known", pulumirpc.DiffResponse_DIFF_UNKNOWN, "this", nothing, 2},
		{"another build", none, "another", nothing, 2},
		{"no file any more", none, "this", os.Remove, 2},
		{"a line that was cut off", none, "this", cut, 2},
		{"a file that has grown", none, "this", grow, 2},
	} {
		t.Run(subject.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "answers")
			compares := &comparer{finds: subject.finds}
			compare(t, Remembering(compares, file, "this"))
			if err := subject.between(file); err != nil {
				t.Fatal(err)
			}
			compare(t, Remembering(compares, file, subject.second))
			if compares.asked != subject.asked {
				t.Errorf("%d comparisons instead of %d", compares.asked, subject.asked)
			}
		})
	}
}

func TestComparesWhereNothingCanBeNoted(t *testing.T) {
	compares := &comparer{finds: none}
	server := Remembering(compares, filepath.Join(t.TempDir(), "missing", "answers"), "this")
	compare(t, server)
	compare(t, server)
	if compares.asked != 1 {
		t.Errorf("%d comparisons of 1", compares.asked)
	}
}

// compare asks one question, whose answer must be the whole one.
func compare(t *testing.T, server pulumirpc.ResourceProviderServer) {
	t.Helper()
	answer, err := server.Diff(context.Background(), ask(t, "one", "a"))
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.GetDiffs()) != 1 || answer.GetDiffs()[0] != "a" {
		t.Errorf("answered %v", answer)
	}
}

func nothing(string) error { return nil }

func cut(file string) error {
	found, err := os.Stat(file)
	if err != nil {
		return err
	}
	return os.Truncate(file, found.Size()-5)
}

func grow(file string) error {
	return os.Truncate(file, notesBytes+1)
}

// reader counts how often it is asked what is there, and finds what was, or another name.
type reader struct {
	pulumirpc.UnimplementedResourceProviderServer
	asked int
	name  string
}

func (r *reader) Read(_ context.Context, request *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	r.asked++
	answer := &pulumirpc.ReadResponse{Id: request.GetId(), Inputs: request.GetInputs()}
	answer.Properties = proto.CloneOf(request.GetProperties())
	if r.name != "" {
		answer.Properties.Fields["name"] = structpb.NewStringValue(r.name)
	}
	return answer, nil
}

func TestLooksAgainAtWhatDockerSaysAnotherOf(t *testing.T) {
	for _, subject := range []struct {
		name   string
		token  string
		finds  string
		first  string
		second string
		asked  int
	}{
		{"the same", "Container", "", `{"State":{"Pid":1}}`, `{"State":{"Pid":1}}`, 1},
		{"another process", "Container", "", `{"State":{"Pid":1}}`, `{"State":{"Pid":2}}`, 2},
		{"another check", "Container", "", `{"State":{"Health":{"Log":[1]}}}`, `{"State":{"Health":{"Log":[2]}}}`, 1},
		{"something that has changed", "Container", "other", `{"State":{}}`, `{"State":{}}`, 2},
		{"something else", "Volume", "", `{"State":{}}`, `{"State":{}}`, 2},
		{"nothing", "Container", "", "", "", 2},
	} {
		t.Run(subject.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "answers")
			reads := &reader{name: subject.finds}
			for run, said := range []string{subject.first, subject.second} {
				// As by plugins that come one after the other.
				server := Remembering(reads, file, "this").(*remembering)
				server.inspect = func(context.Context, string) ([]byte, error) { return withoutHealth([]byte(said)) }
				answer, err := server.Read(context.Background(), &pulumirpc.ReadRequest{
					Id: "aaa", Type: member(subject.token), Properties: properties(t, "lab"), Inputs: properties(t, "lab"),
					ResourceStatusToken: strconv.Itoa(run),
				})
				if err != nil {
					t.Fatal(err)
				}
				want := "lab"
				if subject.finds != "" {
					want = subject.finds
				}
				if got := answer.GetProperties().GetFields()["name"].GetStringValue(); got != want || answer.GetId() != "aaa" {
					t.Errorf("answered %v", answer)
				}
				if answer.GetInputs().GetFields()["name"].GetStringValue() != "lab" {
					t.Errorf("answered %v", answer)
				}
			}
			if reads.asked != subject.asked {
				t.Errorf("%d reads instead of %d", reads.asked, subject.asked)
			}
		})
	}
}

func properties(t *testing.T, name string) *structpb.Struct {
	t.Helper()
	all, err := structpb.NewStruct(map[string]any{"name": name})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAsksTheDockerThatItIsConfiguredFor(t *testing.T) {
	engine.Store(nil)
	if _, err := inspection(context.Background(), "aaa"); err == nil {
		t.Error("a docker that is not there said something")
	}
	configured(t, newDaemon(t, "aaa").URL)
	said, err := inspection(context.Background(), "aaa")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(said), `"Id":"aaa"`) {
		t.Errorf("docker said %s", said)
	}
}
