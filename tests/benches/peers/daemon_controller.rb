# Ruby's daemon_controller, as Debian's package passenger has it: `ruby daemon_controller.rb start|stop DEMOD PORT`.
require 'phusion_passenger'
PhusionPassenger.locate_directories
PhusionPassenger.require_passenger_lib 'vendor/daemon_controller'

verb, demod, port = ARGV
PhusionPassenger::DaemonController.new(
  :identifier => 'demod',
  :start_command => "#{demod} --port #{port} --daemonize --pidfile ruby.pid",
  :ping_command => [:tcp, '127.0.0.1', port.to_i],
  :pid_file => 'ruby.pid',
  :log_file => 'ruby.log',
).send(verb)
