package qr

import "rsc.io/qr/coding"

// What disturbs a reader, as ISO/IEC 18004:2015 section 7.8.3.1 weighs it.
const (
	penaltyRun    = 3  // five modules of one colour in a row, and 1 for each further
	penaltyBlock  = 3  // two by two of one colour
	penaltyFinder = 40 // what looks like a line through a finder pattern
	penaltyShare  = 10 // each 5 percent that the dark ones are off one half
)

// penalty weighs what in a matrix would disturb a reader; lower is better.
func penalty(c *coding.Code) int {
	total, dark := 0, 0
	for i := range c.Size {
		total += linePenalty(c.Size, func(j int) bool { return c.Black(j, i) })
		total += linePenalty(c.Size, func(j int) bool { return c.Black(i, j) })
	}
	for y := range c.Size {
		for x := range c.Size {
			black := c.Black(x, y)
			if black {
				dark++
			}
			if x > 0 && y > 0 && black == c.Black(x-1, y) && black == c.Black(x, y-1) && black == c.Black(x-1, y-1) {
				total += penaltyBlock
			}
		}
	}
	all := c.Size * c.Size
	off := 2*dark - all // twice the distance from one half
	return total + penaltyShare*(max(off, -off)*10/all)
}

// linePenalty weighs one row or column of n modules.
func linePenalty(n int, black func(int) bool) int {
	total, run := 0, 0
	recent := 0 // the last eleven modules as bits; before the first is quiet zone
	for i := range n + QuietZone {
		now := i < n && black(i)
		recent = recent << 1 & 0b111_1111_1111
		if now {
			recent |= 1
		}
		if recent == 0b0000_1011101 || recent == 0b1011101_0000 {
			total += penaltyFinder
		}
		if i >= n {
			continue
		}
		if run++; i > 0 && now != black(i-1) {
			run = 1
		}
		switch {
		case run == 5:
			total += penaltyRun
		case run > 5:
			total++
		}
	}
	return total
}
