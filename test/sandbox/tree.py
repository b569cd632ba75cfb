# Prints what is below each directory as JSON: {path: [kind, mode, uid, gid, mtime, content, attributes, same file as]}.
import hashlib, json, os, stat, sys

def describe(root):
    tree, first = {}, {}
    for above, directories, files in os.walk(root):
        for name in [""] * (above == root) + directories + files:
            path = os.path.join(above, name).rstrip("/")
            status = os.lstat(path)
            kind = stat.filemode(status.st_mode)[0]
            content = None
            if kind == "l":
                content = os.readlink(path)
            elif kind == "-":
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
            elif kind == "c":
                content = status.st_rdev
            attributes = {}
            if kind in "-d":
                attributes = {key: os.getxattr(path, key).hex() for key in sorted(os.listxattr(path))}
            relative = os.path.relpath(path, root)
            same = first.setdefault(status.st_ino, relative) if kind != "d" and status.st_nlink > 1 else None
            tree[relative] = [kind, oct(stat.S_IMODE(status.st_mode)), status.st_uid, status.st_gid,
                              "%d.%09d" % divmod(status.st_mtime_ns, 10**9), content, attributes, same]
    return tree

print(json.dumps([describe(root) for root in sys.argv[1:]]))
