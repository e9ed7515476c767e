package commands

import "testing"

func TestConfirmFlagsAreReadyForAShell(t *testing.T) {
	t.Parallel()
	got := confirmFlags([]string{"orders.order.v1", "my group", "it's; rm -rf /", ""})
	const want = ` --confirm orders.order.v1 --confirm 'my group' --confirm 'it'\''s; rm -rf /' --confirm ''`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
