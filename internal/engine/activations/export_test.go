package activations

import "ostiary/activation"

// DrawCodes lets a test say which registration codes are drawn.
func (s *Service) DrawCodes(draw func() (activation.RegistrationCode, error)) { s.newCode = draw }

// TellTo lets a test listen to what users are told.
func (s *Service) TellTo(tell func(Event)) { s.tell = tell }
