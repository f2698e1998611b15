package activations

import "ostiary/activation"

// DrawCodes lets a test say which registration codes are drawn.
func (s *Service) DrawCodes(draw func() (activation.RegistrationCode, error)) { s.newCode = draw }
