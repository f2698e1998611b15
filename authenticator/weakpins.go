package authenticator

import (
	"strings"

	"ostiary/activation"
)

// commonPINs are the hundred most frequent strings of 4 to 12 digits among ten
// million leaked passwords (M. Burnett, 2015), in that order, without those that
// weakPIN refuses by their pattern. docs/authenticator.md prints them.
const commonPINs = `
123123 123321 112233 159753 123123123 123654 12344321 8675309 159357 1990
789456 12341234 1992 5150 1989 4815162342 01012011 102030 11223344 315475
1993 1988 789456123 147258369 147147 147258 1987 010203 147852 420420
1986 1984 1969 123789 1234554321 1980 1979 1985 1994 1977
9379992 852456 159951 123654789 134679 1981 147852369 12312 1974 1966
1982 1978 01011980 1976 1029384756 1968 124578 1973 01012000 1983
1972 135790 142536 456123 1970 321321 1967 246810 753951 2001
1971 31415926 314159 1964 01011990 1963 321654 141627 1995 456456
1478963 1965 951753 51505150 11235813 123454321 1234321 14789632 112358 1123581321
1961 7895123 4128 01012010 121314 111222333 1960 159159 789789 456852
`

// weakPIN reports whether a PIN of digits is easily guessed: the step between
// neighbours is the same throughout, modulo 10; or it has fewer than 3 different
// digits; or it is one of the hundred commonest.
func weakPIN(pin activation.Secret) bool {
	return constantStep(pin) || differentDigits(pin) < 3 || common(pin)
}

func constantStep(pin activation.Secret) bool {
	for i := 2; i < len(pin); i++ {
		if (pin[i]-pin[i-1]+10)%10 != (pin[1]-pin[0]+10)%10 {
			return false
		}
	}
	return true
}

func differentDigits(pin activation.Secret) int {
	var seen [10]bool
	n := 0
	for _, c := range pin {
		if !seen[c-'0'] {
			seen[c-'0'] = true
			n++
		}
	}
	return n
}

func common(pin activation.Secret) bool {
	for line := range strings.FieldsSeq(commonPINs) {
		if line == string(pin) { // no copy is made for a comparison
			return true
		}
	}
	return false
}
