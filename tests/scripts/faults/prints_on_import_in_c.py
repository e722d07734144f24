# expect: failed PrintsOnImport
import subprocess

subprocess.run(["echo", "hello"], check=True)
if __name__ == "__main__":
    print("main")
