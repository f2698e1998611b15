package xmlsig

import (
	"bytes"
	"encoding/xml"
	"slices"

	"github.com/beevik/etree"
)

// pieceBytes is from how many bytes on children of the outermost element are a piece: no
// more than a few pages of work for each, whatever the length of the outermost tag.
const pieceBytes = 256 << 10

// pieces are the children of the outermost element of a text, cut between them.
type pieces struct {
	text       []byte
	root       [2]int64   // where the outermost tag begins and ends
	end        int64      // where its end tag begins
	ranges     [][2]int64 // where the pieces stand
	depth      int
	begin, had int64 // of the piece that is being cut: its beginning, and the end of its last child
}

// cut takes note of a token, in the order of the text.
func (p *pieces) cut(token xml.Token, start, end int64) {
	switch token.(type) {
	case xml.StartElement:
		if p.depth++; p.depth == 1 {
			p.root, p.begin, p.had = [2]int64{start, end}, end, end
			return
		}
	case xml.EndElement:
		if p.depth--; p.depth == 0 {
			p.end = start
			p.close()
			return
		}
	}
	if p.depth != 1 {
		return
	}
	if p.had = end; p.had-p.begin >= pieceBytes {
		p.close()
	}
}

func (p *pieces) close() {
	if p.had > p.begin {
		p.ranges = append(p.ranges, [2]int64{p.begin, p.had})
	}
	p.begin = p.had
}

// shell is a text without the children of its outermost element.
func (p *pieces) shell(text []byte) []byte {
	return slices.Concat(text[:p.root[1]], text[p.end:])
}

// tree gives the outermost element with the children of a piece alone.
func (p *pieces) tree(n int) (*etree.Element, error) {
	end := bytes.IndexByte(p.text[p.end:], '>') + 1
	text := slices.Concat(p.text[p.root[0]:p.root[1]], p.text[p.ranges[n][0]:p.ranges[n][1]],
		p.text[p.end:p.end+int64(end)])
	d := etree.NewDocument()
	err := d.ReadFromBytes(text)
	clear(text)
	if err != nil || d.Root() == nil {
		return nil, fail(ErrMalformed, "no XML") // the error may repeat a secret from the file
	}
	return d.Root(), nil
}
