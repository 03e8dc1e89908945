"""What 1,000 ten-step workflows cost on AWS: what the real packages do here, times list prices."""
