package syntax

import "testing"

// What is nil, empty or zero is no panic.
func TestZero(t *testing.T) {
	at := func(int, int) Pos { return Pos{} }
	var errs ErrorList
	if n := Parse(nil, at, &errs); n.Kind != Null || len(errs) > 0 {
		t.Errorf("no text is %v, errors %v", n.Kind, errs)
	}
	_ = (&Node{}).Describe() + (Pos{}).String() + (Error{}).Error() + (ErrorList{}).Sorted().Error()
	if DidYouMean(nil) != "" || Suggest("", nil) != "" || Shorten("") != "" || len(Nearest("", nil)) > 0 {
		t.Error("something is made of nothing")
	}
}
