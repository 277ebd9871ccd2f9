"""What a customer file is: columns, dialect, gates and the bridge to dbt."""
