"""What contributors and workflows call beside the build."""
