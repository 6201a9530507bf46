"""What a release needs beside the wheel: lists of the third-party software that Ringbench is made of. Not installed."""
