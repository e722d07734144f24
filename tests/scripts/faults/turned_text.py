# expect: failed Refused
access = "user"
if access != "none‮⁦# only for admins⁩ ⁦":  # <-
    print("shown otherwise than run")
