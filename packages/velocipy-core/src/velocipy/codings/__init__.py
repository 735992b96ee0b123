"""Content codings of answers: gzip, and zstd and brotli where their library is installed. One a file; none is loaded here."""
