#!/bin/sh
# Run once by MySQL's image, on an empty data folder: a database and a user for each service that keeps data in SQL.
# No service reaches another's database.
set -eu
for service in admin orders warehouse monitor; do
    cat <<SQL
CREATE DATABASE pailou_$service CHARACTER SET utf8mb4;
CREATE USER 'pailou_$service'@'%' IDENTIFIED BY '$MYSQL_PASSWORD';
GRANT ALL PRIVILEGES ON pailou_$service.* TO 'pailou_$service'@'%';
SQL
done | MYSQL_PWD=$MYSQL_ROOT_PASSWORD mysql -u root
