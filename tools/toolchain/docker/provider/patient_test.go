package provider

import (
	"context"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// removal fails so many times with these words, and tells how often it was tried.
func removal(failures int, words string) (schema.DeleteContextFunc, *int) {
	tried := 0
	return func(context.Context, *schema.ResourceData, any) diag.Diagnostics {
		tried++
		if tried <= failures {
			return diag.Errorf("Error stopping container abc: %s", words)
		}
		return nil
	}, &tried
}

func tryRemoval(t *testing.T, ctx context.Context, failures int, words string) (bool, int) {
	t.Helper()
	before := pause
	pause = time.Millisecond
	t.Cleanup(func() { pause = before })
	remove, tried := removal(failures, words)
	diagnostics := again(remove)(ctx, nil, nil)
	return !diagnostics.HasError(), *tried
}

const slow = "cannot stop container: abc: tried to kill container, but did not receive an exit event"

func TestRemovesAContainerThatEndsLate(t *testing.T) {
	if done, tried := tryRemoval(t, context.Background(), 2, slow); !done || tried != 3 {
		t.Errorf("removed: %v, tried %d times", done, tried)
	}
}

func TestGivesUpOnAContainerThatNeverEnds(t *testing.T) {
	if done, tried := tryRemoval(t, context.Background(), 1000, slow); done || tried != attempts {
		t.Errorf("removed: %v, tried %d times", done, tried)
	}
}

func TestTellsOtherFailuresAtOnce(t *testing.T) {
	if done, tried := tryRemoval(t, context.Background(), 1, "no such container"); done || tried != 1 {
		t.Errorf("removed: %v, tried %d times", done, tried)
	}
}

func TestTriesNoLongerThanItIsAllowed(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	pauseless, tried := removal(1000, slow)
	if diagnostics := again(pauseless)(ctx, nil, nil); !diagnostics.HasError() || *tried != 1 {
		t.Errorf("said %v, tried %d times", diagnostics, *tried)
	}
}
