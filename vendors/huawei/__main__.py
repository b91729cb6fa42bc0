"""`python -m vendors.huawei`: the process that the harness launches."""

from harness.sdk import serve

from .vendor import HuaweiDuesseldorf

if __name__ == "__main__":
    serve(HuaweiDuesseldorf())
