package overview

const FreshLarge = freshLarge

func (s *Service) SetRows(slice, request int) { s.sliceRows, s.requestRows = slice, request }
