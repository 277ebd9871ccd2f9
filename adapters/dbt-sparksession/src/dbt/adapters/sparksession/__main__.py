"""Say whether a local session can start: ``python -m dbt.adapters.sparksession``."""

import sys

from dbt.adapters.sparksession.session import SessionError, check_java

try:
    check_java()
except SessionError as error:
    sys.exit(str(error))
