"""The services that are measured: three small ones, made with the runtime as every service of the platform is."""
