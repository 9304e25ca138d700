<?php
// One handshake of PHP's own stream wrapper: HOST PORT.
file_get_contents("https://{$argv[1]}:{$argv[2]}/");
