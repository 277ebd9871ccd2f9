"""What other tools are given: questions, dashboards, exports."""
