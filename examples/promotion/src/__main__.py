"""The program that is released: python payments-api-1.0.0.pyz"""

import pkgutil

version = (pkgutil.get_data(__name__, "VERSION") or b"").decode().strip()
print(f"payments-api {version}")
