package main

import "encoding/binary"

// RFC 9113, section 6: the frame types and flags that this client writes and reads.
const (
	typeData, typeHeaders, typeReset, typeSettings = 0, 1, 3, 4
	typePing, typeGoaway, typeWindowUpdate         = 6, 7, 8

	flagEndStream, flagAck, flagEndHeaders = 1, 1, 4
)

// The length-prefixed HealthCheckRequest for `a.B`.
var request = []byte("\x00\x00\x00\x00\x05\x0a\x03a.B")

// The start of a connection: the preface, SETTINGS, and a window for all answers.
func preface() []byte {
	bytes := append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(typeSettings, 0, 0, nil)...)
	return append(bytes, frame(typeWindowUpdate, 0, 0, binary.BigEndian.AppendUint32(nil, 1<<30))...)
}

// A whole request on a stream of its own.
func call(stream uint32, headers []byte) []byte {
	bytes := frame(typeHeaders, flagEndHeaders, stream, headers)
	return append(bytes, frame(typeData, flagEndStream, stream, request)...)
}

// The headers of the first call of a connection: literals with indexing (RFC 7541, section 6.2.1).
func firstHeaders(path string) []byte {
	bytes := []byte{0x83, 0x86} // :method POST, :scheme http
	for _, header := range []struct{ name, value string }{
		{"\x44", path}, {"\x41", "127.0.0.1"}, {"\x5f", "application/grpc"}, {"\x40\x02te", "trailers"},
	} {
		bytes = append(bytes, header.name...)
		bytes = append(bytes, byte(len(header.value)))
		bytes = append(bytes, header.value...)
	}
	return bytes
}

// The same headers in all later calls: indexes of the table.
var laterHeaders = []byte{0x83, 0x86, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62}

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	length := len(payload)
	bytes := make([]byte, 0, 9+length+20) // with capacity for what is often appended
	bytes = append(bytes, byte(length>>16), byte(length>>8), byte(length), kind, flags)
	bytes = binary.BigEndian.AppendUint32(bytes, stream)
	return append(bytes, payload...)
}
