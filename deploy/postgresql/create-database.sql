-- Creates the role and the database of Mailferry. Run it once, as a superuser:
--     psql -v password="'…'" -f create-database.sql
-- The role owns its schema, as `mailferry db upgrade` changes it, and nothing else.
CREATE ROLE mailferry LOGIN PASSWORD :password NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
CREATE DATABASE mailferry OWNER mailferry TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';
REVOKE ALL ON DATABASE mailferry FROM PUBLIC;
-- For backups: may read all and change nothing.
CREATE ROLE mailferry_backup LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
GRANT pg_read_all_data TO mailferry_backup;
GRANT CONNECT ON DATABASE mailferry TO mailferry_backup;
