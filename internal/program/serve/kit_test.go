package serve

import (
	"testing"

	"ostiary/internal/engine/credentials"
	"ostiary/internal/seal"
)

// credentialsAnew reads the API keys as the database has them now.
func credentialsAnew(t *testing.T, s *Server) (*credentials.Keys, error) {
	t.Helper()
	h, err := s.database.Hasher(seal.KeyHash)
	if err != nil {
		t.Fatal(err)
	}
	return credentials.OpenKeys(t.Context(), s.db, h, s.cfg.Now)
}
