"""Files that configure a gateway, one file of code per format; every value with file and line."""
