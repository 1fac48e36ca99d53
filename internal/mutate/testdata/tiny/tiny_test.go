package tiny

import "testing"

func TestTiny(t *testing.T) {
	if Max(1, 2) != 2 || Max(2, 1) != 2 || Count(3) != 3 || Must(true) != 1 || Same(4) != 4 {
		t.Fail()
	}
}

func TestMustPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fail()
		}
	}()
	Must(false)
}
