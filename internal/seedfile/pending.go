package seedfile

func newYubico(*job) parser { return nil }
func newURIs(*job) parser   { return nil }
func isYubico(row) bool     { return false }
