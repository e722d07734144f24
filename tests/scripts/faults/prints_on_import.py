# expect: failed PrintsOnImport
import torch


def show():
    print("loading", torch.ones(1).item())


show()
if __name__ == "__main__":
    print("main")
