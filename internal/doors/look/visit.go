package look

import "net/http"

// Visit is where a browser asks from, and the id of what it asks.
type Visit struct {
	Source  string
	Request string
}

// Visited answers a browser that has come.
type Visited func(http.ResponseWriter, *http.Request, Visit)
