# SPDX-License-Identifier: Apache-2.0
# WEIR_FEATURE(NAME, WHAT, CHECK, SETUP)
# A feature that is yes, no or auto: "yes" fails when CHECK does, "auto" takes
# it when CHECK holds. Defines WEIR_HAVE_NAME, the automake conditional of the
# same name, and adds "+name" or "-name" to weir_features.
AC_DEFUN([WEIR_FEATURE], [
  AC_ARG_ENABLE([$1], [AS_HELP_STRING([--enable-$1], [$2 [auto]])], [], [enable_$1=auto])
  AS_IF([test "$enable_$1" != no],
    [$3
     AS_IF([test $? -eq 0], [weir_have=yes], [weir_have=no])
     AS_IF([test "$enable_$1$weir_have" = yesno],
       [AC_MSG_ERROR([--enable-$1: what it needs was not found; see config.log])])],
    [weir_have=no])
  AC_MSG_CHECKING([whether to build with $1])
  AC_MSG_RESULT([$weir_have])
  AS_IF([test $weir_have = yes],
    [$4
     AC_DEFINE([WEIR_HAVE_]m4_toupper([$1]), [1], [$2])
     AS_VAR_APPEND([weir_features], [" +$1"])],
    [AC_DEFINE([WEIR_HAVE_]m4_toupper([$1]), [0], [$2])
     AS_VAR_APPEND([weir_features], [" -$1"])])
  AM_CONDITIONAL([WEIR_HAVE_]m4_toupper([$1]), [test $weir_have = yes])
])
