package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/blang/semver"
	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/integration"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

func server(t *testing.T) integration.Server {
	t.Helper()
	s, err := integration.NewServer(t.Context(), name, semver.MustParse(version), integration.WithProvider(newProvider()))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func urn(token string) resource.URN {
	return resource.URN("urn:pulumi:stack::project::" + token + "::name")
}

const commandToken = "command:local:Command"

func inputs(values map[string]string) property.Map {
	out := map[string]property.Value{}
	for k, v := range values {
		out[k] = property.New(v)
	}
	return property.NewMap(out)
}

func TestCreateRunsAndPreviewDoesNot(t *testing.T) {
	s := server(t)
	in := inputs(map[string]string{"create": "echo hello"})
	preview, err := s.Create(p.CreateRequest{Urn: urn(commandToken), Properties: in, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if !preview.Properties.Get("stdout").IsComputed() {
		t.Errorf("in a preview stdout is %v", preview.Properties.Get("stdout"))
	}
	created, err := s.Create(p.CreateRequest{Urn: urn(commandToken), Properties: in})
	if err != nil {
		t.Fatal(err)
	}
	if got := created.Properties.Get("stdout"); !got.Equals(property.New("hello")) {
		t.Errorf("stdout is %v", got)
	}
}

// As published: what a command prints is secret only if the program says so.
func TestSecretInputsStaySecretAndOutputsAreAsPublished(t *testing.T) {
	in := property.NewMap(map[string]property.Value{
		"create":  property.New("cat"),
		"stdin":   property.New("password").WithSecret(true),
		"logging": property.New("none"),
	})
	created, err := server(t).Create(p.CreateRequest{Urn: urn(commandToken), Properties: in})
	if err != nil {
		t.Fatal(err)
	}
	if !created.Properties.Get("stdin").Secret() {
		t.Error("stdin is not secret")
	}
	if created.Properties.Get("stdout").Secret() {
		t.Error("stdout is secret")
	}
}

func TestTriggersReplaceAndOthersUpdate(t *testing.T) {
	s := server(t)
	old := inputs(map[string]string{"create": "true"})
	replaces := func(new property.Map) (changes, replaces bool) {
		t.Helper()
		resp, err := s.Diff(p.DiffRequest{ID: "id", Urn: urn(commandToken), State: old, OldInputs: old, Inputs: new})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range resp.DetailedDiff {
			replaces = replaces || strings.HasSuffix(string(d.Kind), "replace")
		}
		return resp.HasChanges, replaces
	}
	triggers := property.New([]property.Value{property.New("a"), property.New(1.0)})
	if changed, replaced := replaces(old.Set("triggers", triggers)); !changed || !replaced {
		t.Error("new triggers don't replace")
	}
	if changed, replaced := replaces(old.Set("create", property.New("false"))); !changed || replaced {
		t.Error("another create command does not update")
	}
	if changed, _ := replaces(old); changed {
		t.Error("no change is one")
	}

	// A change inside of them replaces because the SDK asks for it, as the schema tells.
	resp, err := s.GetSchema(p.GetSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Resources map[string]struct {
			Properties map[string]struct{ ReplaceOnChanges bool }
		}
	}
	if err := json.Unmarshal([]byte(resp.Schema), &schema); err != nil {
		t.Fatal(err)
	}
	if !schema.Resources[commandToken].Properties["triggers"].ReplaceOnChanges {
		t.Error("the schema of triggers has no replaceOnChanges")
	}
}

func TestRunFunction(t *testing.T) {
	resp, err := server(t).Invoke(p.InvokeRequest{Token: "command:local:run", Args: inputs(map[string]string{"command": "echo hi"})})
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.Return.Get("stdout"); !got.Equals(property.New("hi")) {
		t.Errorf("stdout is %v", got)
	}
}

func TestOtherTypesAreRefusedByName(t *testing.T) {
	s := server(t)
	for _, token := range []string{"command:remote:Command", "command:remote:CopyToRemote", "command:remote:CopyFile"} {
		_, checked := s.Check(p.CheckRequest{Urn: urn(token)})
		_, created := s.Create(p.CreateRequest{Urn: urn(token)})
		deleted := s.Delete(p.DeleteRequest{Urn: urn(token)})
		for _, err := range []error{checked, created, deleted} {
			if err == nil || !strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), "published plugin") {
				t.Errorf("%s: got %v", token, err)
			}
		}
	}
}
