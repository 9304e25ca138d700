# One handshake of Ruby's net/http: HOST PORT.
require 'net/http'

Net::HTTP.start(ARGV[0], ARGV[1].to_i, use_ssl: true) { |http| http.get('/') }
